import {
  closestCenter,
  DndContext,
  KeyboardSensor,
  PointerSensor,
  useSensor,
  useSensors,
  type DragEndEvent,
} from "@dnd-kit/core";
import {
  SortableContext,
  sortableKeyboardCoordinates,
  useSortable,
  verticalListSortingStrategy,
} from "@dnd-kit/sortable";
import { CSS } from "@dnd-kit/utilities";
import { Copy, Flag, GripVertical, MoreHorizontal, MoveDown, MoveUp, X } from "lucide-react";
import type { Generation, Queue } from "@/shared/api";
import { isWhole, startsIn, useMove, useNow, usePrioritise, useTraces } from "@/shared/jobs";
import { classes, duration, moment } from "@/shared/lib/format";
import { Badge, IconButton, Menu } from "@/shared/ui";
import { useJobActions } from "./actions";
import { shapeOf } from "./shapeOf";
import styles from "./Jobs.module.css";

const URGENT = 10;

/** The line: dragged, or moved with the keyboard, into another order. */
export function Waiting({ queue }: { queue: Queue }) {
  const move = useMove();
  const now = useNow();
  const traces = useTraces();
  const { waiting } = queue;
  const sensors = useSensors(
    useSensor(PointerSensor, { activationConstraint: { distance: 4 } }),
    useSensor(KeyboardSensor, { coordinateGetter: sortableKeyboardCoordinates }),
  );
  const starts = startsIn(queue, traces, now);
  const dropped = ({ active, over }: DragEndEvent) => {
    const to = waiting.findIndex((job) => job.id === over?.id);
    if (over && active.id !== over.id && to >= 0) {
      move.mutate({ id: String(active.id), position: to + 1 });
    }
  };
  return (
    <DndContext sensors={sensors} collisionDetection={closestCenter} onDragEnd={dropped}>
      <SortableContext items={waiting.map((job) => job.id)} strategy={verticalListSortingStrategy}>
        <ol className={styles.line}>
          {waiting.map((job, index) => (
            <WaitingJob
              key={job.id}
              job={job}
              place={isWhole(queue) ? index + 1 : null}
              of={queue.length}
              startsIn={starts[index] ?? null}
              onMove={(position) => move.mutate({ id: job.id, position })}
            />
          ))}
        </ol>
      </SortableContext>
    </DndContext>
  );
}

function WaitingJob({
  job,
  place,
  of,
  startsIn,
  onMove,
}: {
  job: Generation;
  /** Null where others' jobs may wait in between; only who sees them may move it, then. */
  place: number | null;
  of: number;
  startsIn: number | null;
  onMove: (position: number) => void;
}) {
  const { attributes, listeners, setNodeRef, transform, transition, isDragging } = useSortable({
    id: job.id,
  });
  const actions = useJobActions(job);
  const prioritise = usePrioritise();
  const style = { transform: CSS.Translate.toString(transform), transition };
  return (
    <li
      ref={setNodeRef}
      style={style}
      className={classes(styles.waiting, isDragging && styles.dragged)}
    >
      {place !== null && (
        <>
          <button
            type="button"
            className={styles.grip}
            aria-label={`Move: ${job.request.prompt}`}
            {...attributes}
            {...listeners}
          >
            <GripVertical aria-hidden="true" />
          </button>
          <span className={classes(styles.place, "numeric")}>{place}</span>
        </>
      )}
      <div className={styles.what}>
        <p className={styles.prompt}>{job.request.prompt}</p>
        <p className={styles.shape}>
          {shapeOf(job)}
          {job.priority !== 0 && <Badge tone="accent">priority {job.priority}</Badge>}
          {job.run_after !== null && <Badge tone="warn">not before {moment(job.run_after)}</Badge>}
          {job.attempts > 0 && <Badge>was tried {job.attempts} ×</Badge>}
        </p>
      </div>
      <StartsIn seconds={startsIn} />
      <div className={styles.tools}>
        <Menu
          trigger={<IconButton size="sm" label="More" icon={<MoreHorizontal />} />}
          items={[
            {
              label: "Move to the front",
              icon: <MoveUp />,
              onSelect: () => onMove(1),
              isOff: place === null || place === 1,
            },
            {
              label: "Move to the end",
              icon: <MoveDown />,
              onSelect: () => onMove(of),
              isOff: place === null || place === of,
            },
            {
              label: job.priority < URGENT ? "Make it urgent" : "Make it ordinary",
              icon: <Flag />,
              onSelect: () =>
                prioritise.mutate({ id: job.id, priority: job.priority < URGENT ? URGENT : 0 }),
              isOff: place === null,
            },
            { label: "Duplicate and edit", icon: <Copy />, onSelect: actions.edit },
          ]}
        />
        <IconButton
          size="sm"
          label={`Cancel: ${job.request.prompt}`}
          icon={<X />}
          disabled={actions.isCancelling}
          onClick={actions.cancel}
        />
      </div>
    </li>
  );
}

function StartsIn({ seconds }: { seconds: number | null }) {
  if (seconds === null) return null;
  return (
    <span className={styles.starts}>
      {seconds < 1 ? "starts next" : `starts in about ${duration(seconds)}`}
    </span>
  );
}
