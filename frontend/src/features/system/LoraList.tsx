import { Fingerprint, RefreshCw } from "lucide-react";
import { useState } from "react";
import {
  sentence,
  useHashedLora,
  useLookForLoras,
  useLoras,
  usePresets,
  type Lora,
} from "@/shared/api";
import { bytes } from "@/shared/lib/format";
import { Badge, Button, IconButton, Panel, Prose, Skeleton } from "@/shared/ui";
import { missingLoras, type MissingLora } from "./missingLoras";
import styles from "./Checkpoints.module.css";

/** LoRAs that lie in the data directory, what their files say of themselves, and which a preset asks for in vain. */
export function LoraList() {
  const { data: loras, isFetching } = useLoras();
  const { data: presets } = usePresets();
  const look = useLookForLoras();
  if (!loras) return null;
  const size = loras.reduce((sum, lora) => sum + sizeOf(lora), 0);
  return (
    <Panel
      title="LoRAs"
      aside={
        <span className={styles.aside}>
          <span className={styles.size}>{size > 0 && `${bytes(size)} here`}</span>
          <IconButton
            size="sm"
            label="Look into the folder again"
            icon={<RefreshCw />}
            aria-disabled={isFetching}
            onClick={() => void look()}
          />
        </span>
      }
      flush
    >
      <ul className={styles.list}>
        {loras.map((lora) => (
          <Row key={lora.name} lora={lora} />
        ))}
        {missingLoras(presets ?? []).map((missing) => (
          <Missing key={missing.example} missing={missing} />
        ))}
        <li className={styles.row}>
          <p className={styles.title}>
            Put safetensors files into the folder <code>loras</code> of the data directory: pairs
            for the two experts are found by their names and contents. Nothing is fetched.
          </p>
        </li>
      </ul>
    </Panel>
  );
}

const sizeOf = (lora: Lora) => lora.files.reduce((sum, file) => sum + file.size_bytes, 0);

function Row({ lora }: { lora: Lora }) {
  const [wantsHashes, setWantsHashes] = useState(false);
  const { data: hashed, error, isFetching, refetch } = useHashedLora(lora, wantsHashes);
  const size = sizeOf(lora);
  return (
    <li className={styles.row}>
      <div className={styles.what}>
        <p className={styles.name}>
          <strong>{lora.name}</strong>
          <Badge tone={lora.available ? "good" : "bad"}>
            {lora.available ? (lora.family ?? "of no known family") : "unusable"}
          </Badge>
        </p>
        {lora.problem && (
          <p className={styles.bad}>
            <Prose text={lora.problem} />
          </p>
        )}
        {lora.files.map((file) => (
          <p key={file.file} className={styles.source}>
            {file.file}: {file.experts.map((expert) => expert.replace("_", " ")).join(" and ")},
            rank {file.ranks.join(", ")}, {file.tensors} tensors understood
            {file.unknown > 0 && `, ${file.unknown} left out`}
          </p>
        ))}
        {wantsHashes && error && <p className={styles.bad}>{sentence(error)}</p>}
        {wantsHashes && !hashed && !error && <Skeleton height="1rem" />}
        <div role="status">
          {hashed?.files.map((file) => (
            <p key={file.file} className={styles.source}>
              SHA-256 of {file.file}: <code>{file.sha256}</code>
            </p>
          ))}
        </div>
      </div>
      <span className={styles.size}>{size > 0 ? bytes(size) : ""}</span>
      {lora.available && (
        <Button
          size="sm"
          aria-disabled={isFetching}
          onClick={() => (wantsHashes ? void refetch() : setWantsHashes(true))}
        >
          <Fingerprint aria-hidden="true" />
          {isFetching ? "Reading every byte…" : "SHA-256"}
          <span className="visually-hidden"> of {lora.name}</span>
        </Button>
      )}
    </li>
  );
}

function Missing({ missing: { example, source, presets, checkpoints } }: { missing: MissingLora }) {
  return (
    <li className={styles.row}>
      <div className={styles.what}>
        <p className={styles.name}>
          <strong>For {presets.join(" and ")}</strong>
          <Badge>not here</Badge>
        </p>
        <p className={styles.title}>
          A LoRA of few steps for {checkpoints.join(" and ")}, with a file for each expert, such as:
        </p>
        <p className={styles.source}>
          {example}, from{" "}
          <a href={`https://${source}`} target="_blank" rel="noreferrer">
            {source}
          </a>
        </p>
      </div>
    </li>
  );
}
