/** The server's sentences, in which names and commands stand between backticks. */
export function Prose({ text }: { text: string }) {
  return text
    .split(/`([^`]+)`/)
    .map((piece, index) => (index % 2 === 0 ? piece : <code key={index}>{piece}</code>));
}
