export { FetchButton, isPullable } from "./FetchButton";
