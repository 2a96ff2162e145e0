import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { App } from "@/core/App";
import "@fontsource-variable/inter/wght.css";
import "@/shared/design/base.css";

const root = document.getElementById("root");
if (!root) throw new Error("index.html has no #root");
createRoot(root).render(
  <StrictMode>
    <App />
  </StrictMode>,
);
