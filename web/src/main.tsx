import { createRoot } from "react-dom/client";
import { App } from "./app.tsx";
import { preferredLocale, speak } from "./words/words.ts";
import "./styles/base.css";
import "./styles/tokens.css";
import "./styles/frame.css";
import "./styles/parts.css";
import "./styles/dialog.css";
import "./styles/pages.css";

const root = document.getElementById("root");
if (root === null) throw new Error("the page has no place for the console");
await speak(preferredLocale(navigator.languages));
createRoot(root).render(<App />);
