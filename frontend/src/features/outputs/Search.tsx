import { Search as Glass } from "lucide-react";
import { useStore } from "@/shared/lib/store";
import { searched } from "./library";
import styles from "./Gallery.module.css";

const MAX_CHARACTERS = 200;

/** Words of the prompt, or their beginnings. */
export function Search() {
  return (
    <label className={styles.search}>
      <Glass aria-hidden="true" />
      <span className="visually-hidden">Search prompts</span>
      <input
        type="search"
        placeholder="Search prompts"
        maxLength={MAX_CHARACTERS}
        value={useStore(searched)}
        onChange={(event) => searched.set(event.target.value)}
      />
    </label>
  );
}
