import {
  useId,
  type InputHTMLAttributes,
  type ReactNode,
  type SelectHTMLAttributes,
  type TextareaHTMLAttributes,
} from "react";
import type { FieldProblem } from "@/shared/api";
import { classes } from "@/shared/lib/format";
import styles from "./Field.module.css";

interface FieldProps {
  label: ReactNode;
  hint?: ReactNode;
  /** Beside the label, at its far end. */
  aside?: ReactNode;
  problem?: FieldProblem | undefined;
  /** Takes one of the nearest good values that the server named. */
  onNearest?: (value: number | string) => void;
}

interface Wired {
  id: string;
  "aria-describedby": string | undefined;
  "aria-invalid": true | undefined;
}

/** A label, what it labels, and below it what the server says against it. */
export function Field({
  label,
  hint,
  aside,
  problem,
  onNearest,
  children,
}: FieldProps & { children: (wired: Wired) => ReactNode }) {
  const id = useId();
  const told = problem ?? hint;
  return (
    <div className={styles.field}>
      <div className={styles.labelRow}>
        <label htmlFor={id}>{label}</label>
        {aside}
      </div>
      {children({
        id,
        "aria-describedby": told ? `${id}-told` : undefined,
        "aria-invalid": problem ? true : undefined,
      })}
      {told && (
        <div id={`${id}-told`} className={classes(styles.told, problem && styles.problem)}>
          {problem ? <Refusal problem={problem} onNearest={onNearest} /> : hint}
        </div>
      )}
    </div>
  );
}

function Refusal({
  problem,
  onNearest,
}: {
  problem: FieldProblem;
  onNearest: ((value: number | string) => void) | undefined;
}) {
  return (
    <span role="alert">
      {problem.reason}
      {onNearest &&
        problem.nearest.map((value) => (
          <button
            key={value}
            type="button"
            className={styles.nearest}
            onClick={() => onNearest(value)}
          >
            Use {value}
          </button>
        ))}
    </span>
  );
}

export function TextInput({
  label,
  hint,
  aside,
  problem,
  onNearest,
  ...rest
}: FieldProps & InputHTMLAttributes<HTMLInputElement>) {
  return (
    <Field {...{ label, hint, aside, problem, onNearest }}>
      {(wired) => <input className={styles.control} {...rest} {...wired} />}
    </Field>
  );
}

/** Empty is null: the checkpoint's default, which the placeholder shows. */
export function NumberInput({
  value,
  onValue,
  placeholder,
  ...rest
}: FieldProps &
  Omit<InputHTMLAttributes<HTMLInputElement>, "value" | "placeholder"> & {
    value: number | null;
    onValue: (value: number | null) => void;
    placeholder?: number | string | undefined;
  }) {
  return (
    <TextInput
      type="number"
      inputMode="decimal"
      value={value ?? ""}
      placeholder={placeholder?.toString()}
      onChange={(event) => {
        const typed = event.target.valueAsNumber;
        onValue(Number.isNaN(typed) ? null : typed);
      }}
      onNearest={(nearest) => onValue(Number(nearest))}
      {...rest}
    />
  );
}

export function TextArea({
  label,
  hint,
  aside,
  problem,
  ...rest
}: FieldProps & TextareaHTMLAttributes<HTMLTextAreaElement>) {
  return (
    <Field {...{ label, hint, aside, problem }}>
      {(wired) => (
        <textarea className={classes(styles.control, styles.area)} {...rest} {...wired} />
      )}
    </Field>
  );
}

export function Select({
  label,
  hint,
  aside,
  problem,
  children,
  ...rest
}: FieldProps & SelectHTMLAttributes<HTMLSelectElement>) {
  return (
    <Field {...{ label, hint, aside, problem }}>
      {(wired) => (
        <select className={classes(styles.control, styles.select)} {...rest} {...wired}>
          {children}
        </select>
      )}
    </Field>
  );
}
