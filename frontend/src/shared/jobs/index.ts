export { connected, useLiveJobs, useTraces } from "./live";
export * from "./progress";
export * from "./queries";
export { JobProgress, useNow } from "./JobProgress";
export { JobPreview } from "./JobPreview";
