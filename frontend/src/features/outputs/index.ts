export { OutputsScreen } from "./OutputsScreen";
