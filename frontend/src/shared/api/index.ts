export { api, answered } from "./client";
export { LIMITS } from "./limits";
export { authorization, keepKey, keysLeft, keyStore, keyWanted } from "./key";
export { spritesheetPath, thumbnailPath, useFetched, useMedia, videoPath } from "./media";
export {
  useHashedLora,
  useLookForLoras,
  useLoras,
  useModels,
  useModelWork,
  useOffer,
  usePresets,
  type ModelWork,
} from "./models";
export { fieldsOf, ProblemError, sentence, type FieldProblem } from "./problem";
export { useSystem } from "./system";
export { follow } from "./stream";
export type * from "./types";
