export { lost } from "./freshness";
export { isWhole, placeOf, runningIn, startsIn } from "./line";
export { useLiveJobs } from "./live";
export * from "./progress";
export * from "./queries";
export { useSubmit, type Batch } from "./submit";
export { useTraces } from "./traces";
export { JobProgress, useNow } from "./JobProgress";
export { JobPreview } from "./JobPreview";
