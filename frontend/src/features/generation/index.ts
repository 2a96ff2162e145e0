export { GenerateScreen } from "./GenerateScreen";
