import { Search as Glass } from "lucide-react";
import { useEffect, useState } from "react";
import { changeFilters, MAX_WORDS_CHARACTERS } from "./filters";
import styles from "./FilterBar.module.css";

const PAUSE_MS = 250;

/** Words of the prompt, or their beginnings; looked for once one pauses. */
export function Search({ words }: { words: string }) {
  const [typed, setTyped] = useState(words);
  const [known, setKnown] = useState(words);
  if (known !== words) {
    setKnown(words); // changed from elsewhere: cleared, or gone back
    setTyped(words);
  }
  useEffect(() => {
    if (typed === words) return;
    const timer = setTimeout(() => changeFilters({ q: typed }, { replace: true }), PAUSE_MS);
    return () => clearTimeout(timer);
  }, [typed, words]);
  return (
    <label className={styles.search}>
      <Glass aria-hidden="true" />
      <span className="visually-hidden">Search prompts</span>
      <input
        type="search"
        placeholder="Search prompts"
        maxLength={MAX_WORDS_CHARACTERS}
        value={typed}
        onChange={(event) => setTyped(event.target.value)}
      />
    </label>
  );
}
