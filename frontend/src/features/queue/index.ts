export { QueueScreen } from "./QueueScreen";
