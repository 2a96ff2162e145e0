import { TriangleAlert } from "lucide-react";
import { Link } from "wouter";
import { sentence, useSystem } from "@/shared/api";
import { Notice, ScreenHead, Skeleton } from "@/shared/ui";
import { Checkpoints } from "./Checkpoints";
import { Failures } from "./Failures";
import { LoraList } from "./LoraList";
import { Machine } from "./Machine";
import { Health, Versions, Workers } from "./Server";
import styles from "./SystemScreen.module.css";

/** The machine and the server on it: how they are and were, what is loaded, what is here. */
export function SystemScreen() {
  const { data: system, error } = useSystem();
  return (
    <>
      <ScreenHead title="System">
        <Link href="/schema">HTTP API</Link>
      </ScreenHead>
      <div className={styles.screen}>
        {error && !system ? (
          <Notice tone="bad" icon={<TriangleAlert />}>
            {sentence(error)}
          </Notice>
        ) : system ? (
          <>
            {system.problem !== null && (
              <Notice tone="bad" icon={<TriangleAlert />}>
                The machine could not be read: {system.problem}
              </Notice>
            )}
            <Machine system={system} />
            <div className={styles.pair}>
              <Workers slots={system.slots} />
              <Health system={system} />
            </div>
          </>
        ) : (
          <Skeleton height="60rem" />
        )}
        {(system ?? error) && (
          <>
            <Checkpoints />
            <LoraList />
            <Failures />
          </>
        )}
        {system && <Versions versions={system.versions} />}
      </div>
    </>
  );
}
