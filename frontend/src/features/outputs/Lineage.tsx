import { useState } from "react";
import { Link } from "wouter";
import { useSearch } from "wouter/use-browser-location";
import { thumbnailPath, useMedia, type Output } from "@/shared/api";
import { useGeneration } from "@/shared/jobs";
import { moment } from "@/shared/lib/format";
import { Button, Panel, Skeleton } from "@/shared/ui";
import styles from "./Lineage.module.css";

const AT_FIRST = 6;

interface Relation {
  id: string;
  how: string;
}

/** What a video was made from, and what was made of it; absent where it stands alone. */
export function Lineage({ output }: { output: Output }) {
  const from = [
    output.made_from && { id: output.made_from, how: "It begins with this one" },
    output.retry_of && { id: output.retry_of, how: "Asked for again" },
  ].filter((one) => one !== null && one !== "");
  const on = (output.continued_by ?? []).map(({ id, how }) => ({
    id,
    how: how === "retry_of" ? "Asked for again" : "Begins with this one",
  }));
  if (from.length + on.length === 0) return null;
  return (
    <Panel title="Lineage">
      <div className={styles.lineage}>
        {from.length > 0 && <Relatives title="Made from" relations={from} />}
        {on.length > 0 && <Relatives title="Continued by" relations={on} />}
      </div>
    </Panel>
  );
}

function Relatives({ title, relations }: { title: string; relations: readonly Relation[] }) {
  const [isAll, setAll] = useState(false);
  const shown = isAll ? relations : relations.slice(0, AT_FIRST);
  return (
    <section>
      <h3 className={styles.title}>{title}</h3>
      <ul className={styles.relatives}>
        {shown.map((relation) => (
          <Relative key={relation.id} {...relation} />
        ))}
      </ul>
      {shown.length < relations.length && (
        <Button size="sm" look="quiet" onClick={() => setAll(true)}>
          Show all {relations.length}
        </Button>
      )}
    </section>
  );
}

function Relative({ id, how }: Relation) {
  const search = useSearch();
  const { data, error } = useGeneration(id);
  const thumbnail = useMedia(data?.status === "completed" ? thumbnailPath(id) : null);
  if (error) return <li className={styles.gone}>{how}: it was deleted.</li>;
  if (!data) return <Skeleton height="4.25rem" />;
  const state =
    data.status === "completed" && data.finished_at ? moment(data.finished_at) : data.status;
  return (
    <li className={styles.relative}>
      <div className={styles.picture}>{thumbnail && <img src={thumbnail} alt="" />}</div>
      <div>
        <Link href={`/outputs/${id}${search}`} className={styles.link}>
          {data.request.prompt}
        </Link>
        <p className={styles.facts}>
          {how} · {state}
        </p>
      </div>
    </li>
  );
}
