import { useEffect, useRef, useState } from "react";
import { Button, Prose, TextArea, TextInput } from "@/shared/ui";
import { ask, type Answer, type Asked } from "./asking";
import { exampleOf, type Description, type Route } from "./description";
import styles from "./SchemaScreen.module.css";

const JSON_BODY = "application/json";

/** A request to be changed and sent, with the reader's own key; it really happens. */
export function TryIt({ description, route }: { description: Description; route: Route }) {
  const bodies = route.requestBody?.content ?? {};
  const json = bodies[JSON_BODY];
  const takesFile = route.requestBody !== undefined && !json;
  const [asked, setAsked] = useState<Asked>({
    parameters: {},
    body: (json && exampleOf(description, json)) ?? "",
    file: null,
  });
  const [answer, setAnswer] = useState<Answer | null>(null);
  const [problem, setProblem] = useState<string | null>(null);
  const [isUnderWay, setUnderWay] = useState(false);
  const stopping = useRef<AbortController | null>(null);
  useEffect(() => () => stopping.current?.abort(), []);
  const picture = answer?.picture ?? null;
  useEffect(() => {
    if (picture !== null) return () => URL.revokeObjectURL(picture);
  }, [picture]);

  const send = async () => {
    const stop = (stopping.current = new AbortController());
    setUnderWay(true);
    setProblem(null);
    try {
      await ask(route, asked, stop.signal, setAnswer);
    } catch {
      if (!stop.signal.aborted) setProblem("The server does not answer.");
    }
    setUnderWay(false);
  };

  return (
    <form
      className={styles.tryIt}
      onSubmit={(event) => {
        event.preventDefault();
        void send();
      }}
    >
      {route.parameters?.map((parameter) => (
        <TextInput
          key={`${parameter.in} ${parameter.name}`}
          label={parameter.name}
          hint={parameter.description && <Prose text={parameter.description} />}
          aside={<span className={styles.place}>{parameter.in}</span>}
          required={parameter.required ?? false}
          value={asked.parameters[parameter.name] ?? ""}
          onChange={({ target }) =>
            setAsked({
              ...asked,
              parameters: { ...asked.parameters, [parameter.name]: target.value },
            })
          }
        />
      ))}
      {json && (
        <TextArea
          label="Body"
          rows={Math.min(12, asked.body.split("\n").length + 1)}
          spellCheck={false}
          value={asked.body}
          onChange={({ target }) => setAsked({ ...asked, body: target.value })}
        />
      )}
      {takesFile && (
        <TextInput
          label="File"
          type="file"
          required
          accept={Object.keys(bodies).join()}
          onChange={({ target }) => setAsked({ ...asked, file: target.files?.[0] ?? null })}
        />
      )}
      <div className={styles.actions}>
        <Button look="primary" type="submit" disabled={isUnderWay}>
          Send
        </Button>
        {isUnderWay && <Button onClick={() => stopping.current?.abort()}>Stop</Button>}
      </div>
      {problem !== null && <p role="alert">{problem}</p>}
      {answer && (
        <output className={styles.answer}>
          <strong className={answer.isGood ? styles.good : styles.bad}>{answer.status}</strong>
          <details>
            <summary>Headers</summary>
            <pre tabIndex={0}>{answer.headers}</pre>
          </details>
          {picture !== null && <img src={picture} alt="What was answered" />}
          {answer.text && <pre tabIndex={0}>{answer.text}</pre>}
        </output>
      )}
    </form>
  );
}
