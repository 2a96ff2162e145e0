export { SchemaScreen } from "./SchemaScreen";
