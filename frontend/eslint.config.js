import js from "@eslint/js";
import hooks from "eslint-plugin-react-hooks";
import tseslint from "typescript-eslint";

const features = ["generation", "queue", "outputs", "system", "schema"];

/** What a part of the page may not import, and why. */
const refuse = (...patterns) => ({ "no-restricted-imports": ["error", { patterns }] });
const throughTheDoor = {
  group: ["@/features/*/*"],
  message: "A feature is entered by its index.ts alone.",
};

export default tseslint.config(
  { ignores: ["src/shared/api/schema.d.ts", "src/shared/api/limits.ts"] },
  js.configs.recommended,
  ...tseslint.configs.strictTypeChecked,
  {
    languageOptions: { parserOptions: { projectService: { allowDefaultProject: ["*.js"] } } },
    plugins: { "react-hooks": hooks },
    rules: {
      ...hooks.configs.recommended.rules,
      "@typescript-eslint/restrict-template-expressions": ["error", { allowNumber: true }],
      "@typescript-eslint/no-confusing-void-expression": ["error", { ignoreArrowShorthand: true }],
      "no-console": "error",
    },
  },
  { files: ["src/**"], rules: refuse(throughTheDoor) },
  {
    files: ["src/shared/**"],
    rules: refuse(throughTheDoor, {
      group: ["@/features/*", "@/core/*"],
      message: "What is shared knows neither features nor the core.",
    }),
  },
  ...features.map((feature) => ({
    files: [`src/features/${feature}/**`],
    rules: refuse(
      {
        group: [...features.map((other) => `@/features/${other}`), "@/features/*/*"],
        message: "Features do not import each other: what two need is shared.",
      },
      { group: ["@/core/*"], message: "Features do not know the core." },
    ),
  })),
  { files: ["*.js"], extends: [tseslint.configs.disableTypeChecked] },
);
