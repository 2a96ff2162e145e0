export * from "./batch";
export * from "./draft";
export * from "./given";
export * from "./kept";
export { recipeIn } from "./recipe";
