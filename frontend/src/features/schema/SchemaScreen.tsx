import { TriangleAlert } from "lucide-react";
import { useState } from "react";
import { sentence } from "@/shared/api";
import { Notice, Panel, ScreenHead, Skeleton, TextInput } from "@/shared/ui";
import { routesOf, useDescription } from "./description";
import { OperationView } from "./OperationView";
import styles from "./SchemaScreen.module.css";

/** The HTTP API, read from the server's own description: looked up, and tried out. */
export function SchemaScreen() {
  const { data: description, error } = useDescription();
  const [typed, setTyped] = useState("");
  const groups = description ? routesOf(description, typed) : [];
  return (
    <>
      <ScreenHead title="API">
        <a href="/schema/openapi.json">openapi.json</a>
      </ScreenHead>
      <div className={styles.screen}>
        {error && (
          <Notice tone="bad" icon={<TriangleAlert />}>
            {sentence(error)}
          </Notice>
        )}
        {!description && !error && <Skeleton height="20rem" />}
        {description && (
          <TextInput
            label="Find"
            type="search"
            placeholder="cancel, outputs, post …"
            value={typed}
            onChange={({ target }) => setTyped(target.value)}
          />
        )}
        {description &&
          groups.map(([tag, routes]) => (
            <Panel key={tag} title={tag} flush>
              <div className={styles.routes}>
                {routes.map((route) => (
                  <OperationView
                    key={`${route.method} ${route.path}`}
                    description={description}
                    route={route}
                  />
                ))}
              </div>
            </Panel>
          ))}
        {description && groups.length === 0 && <p>Nothing of that name is offered.</p>}
      </div>
    </>
  );
}
