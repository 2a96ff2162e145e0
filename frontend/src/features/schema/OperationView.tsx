import { Fragment, useState } from "react";
import { Prose } from "@/shared/ui";
import { exampleOf, type Description, type Route } from "./description";
import { TryIt } from "./TryIt";
import styles from "./SchemaScreen.module.css";

/** One operation: what it is for, a try, and what it may answer. Nothing of it is there before it is opened. */
export function OperationView({ description, route }: { description: Description; route: Route }) {
  const [isOpen, setOpen] = useState(false);
  return (
    <details onToggle={({ currentTarget }) => setOpen(currentTarget.open)}>
      <summary>
        <span className={styles.method}>{route.method}</span>
        <code>{broken(route.path)}</code>
        <span className={styles.summary}>
          <Prose text={route.summary} />
        </span>
      </summary>
      {isOpen && (
        <div className={styles.operation}>
          {route.description?.split("\n\n").map((paragraph) => (
            <p key={paragraph}>
              <Prose text={paragraph} />
            </p>
          ))}
          <TryIt description={description} route={route} />
          <h3>Answers</h3>
          <ul className={styles.answers}>
            {Object.entries(route.responses).map(([status, response]) => (
              <li key={status}>
                <AnswerView status={status} description={description} response={response} />
              </li>
            ))}
          </ul>
        </div>
      )}
    </details>
  );
}

/** A path may go on in the next line before any of its parts. */
const broken = (path: string) =>
  path.split(/(?=\/)/).map((part, at) => (
    <Fragment key={at}>
      {at > 0 && <wbr />}
      {part}
    </Fragment>
  ));

function AnswerView({
  status,
  description,
  response,
}: {
  status: string;
  description: Description;
  response: Route["responses"][string];
}) {
  const [[type, content] = []] = Object.entries(response.content ?? {});
  const example = content ? exampleOf(description, content) : null;
  const told = (
    <>
      <strong>{status}</strong> <Prose text={response.description} /> {type && <code>{type}</code>}
    </>
  );
  if (example === null) return <p>{told}</p>;
  return (
    <details>
      <summary>{told}</summary>
      <pre tabIndex={0}>{example}</pre>
    </details>
  );
}
