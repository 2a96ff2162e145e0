/** Whether what happens is told as it happens, and how often it is asked for besides. */
import { createStore } from "@/shared/lib/store";

/** Why nothing is told as it happens; null while it is. */
export const lost = createStore<Error | null>(null);

/** What no event tells, such as a pause or others' jobs. */
const TOLD_MS = 5_000;
const LOST_MS = 2_000;

export const pollMs = () => (lost.get() === null ? TOLD_MS : LOST_MS);
