export * from "./batch";
export * from "./draft";
export { recipeIn } from "./recipe";
export * from "./pictures";
