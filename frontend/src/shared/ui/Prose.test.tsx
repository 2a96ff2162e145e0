import { cleanup, render } from "@testing-library/react";
import { afterEach, expect, it } from "vitest";
import { Prose } from "./Prose";

afterEach(cleanup);

it("names are shown as such, and markup as it is written", () => {
  const { container } = render(<Prose text="`ETag`s of <b>, or `Wan-Client`." />);

  expect(container.innerHTML).toBe("<code>ETag</code>s of &lt;b&gt;, or <code>Wan-Client</code>.");
});

it("a backtick without another is only that", () => {
  const { container } = render(<Prose text="No LoRA is called '`'." />);

  expect(container.innerHTML).toBe("No LoRA is called '`'.");
});
