import { Star } from "lucide-react";
import { useId } from "react";
import { classes, plural } from "@/shared/lib/format";
import styles from "./Stars.module.css";

const STARS = [1, 2, 3, 4, 5] as const;

/** One to five stars, chosen with the arrow keys or a click; the same one again takes them away. */
export function Stars({
  label,
  value,
  onValue,
  className,
}: {
  label: string;
  value: number;
  onValue: (value: number) => void;
  className?: string | undefined;
}) {
  const name = useId();
  return (
    <fieldset className={classes(styles.stars, className)}>
      <legend className="visually-hidden">{label}</legend>
      <input
        type="radio"
        className="visually-hidden"
        name={name}
        aria-label="No stars"
        checked={value === 0}
        onChange={() => onValue(0)}
      />
      {STARS.map((star) => (
        <label key={star} className={classes(styles.star, star <= value && styles.given)}>
          <input
            type="radio"
            className="visually-hidden"
            name={name}
            aria-label={plural(star, "star")}
            checked={value === star}
            onChange={() => onValue(star)}
            onClick={() => {
              if (value === star) onValue(0);
            }}
          />
          <Star aria-hidden="true" />
        </label>
      ))}
    </fieldset>
  );
}
