/** The plan of what is being typed: asked for a moment after the last change of what it depends on. */
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { answered, api, type NewPlan } from "@/shared/api";
import { lorasOf, type Draft } from "@/shared/draft";
import { useSettled } from "@/shared/lib/settled";

const GIB = 2 ** 30;

/** The memory of another machine; null: what this one has. */
export interface Imagined {
  acceleratorGib: number | null;
  hostGib: number | null;
}

export const THIS_MACHINE: Imagined = { acceleratorGib: null, hostGib: null };

export const isThisMachine = ({ acceleratorGib, hostGib }: Imagined) =>
  acceleratorGib === null && hostGib === null;

function planBody(draft: Draft, { acceleratorGib, hostGib }: Imagined): NewPlan {
  return {
    checkpoint: draft.checkpoint,
    width: draft.width,
    height: draft.height,
    num_frames: draft.numFrames,
    steps: draft.steps,
    preset: draft.preset,
    guidance_high_noise: draft.guidanceHigh,
    guidance_low_noise: draft.guidanceLow,
    with_image: draft.image !== null,
    with_last_image: draft.lastImage !== null,
    with_video: draft.video !== null,
    strength: draft.video && draft.strength,
    with_control_video: draft.controlVideo !== null,
    precision: draft.carried.precision,
    references: draft.references.length,
    loras: lorasOf(draft),
    accelerator_bytes: acceleratorGib && acceleratorGib * GIB,
    host_bytes: hostGib && hostGib * GIB,
  };
}

export function usePlan(draft: Draft, imagined: Imagined) {
  const body = useSettled(JSON.stringify(planBody(draft, imagined)));
  return useQuery({
    queryKey: ["plan", body],
    queryFn: ({ signal }) =>
      answered(api.POST("/api/v1/plans", { body: JSON.parse(body) as NewPlan, signal })),
    placeholderData: keepPreviousData,
    refetchInterval: 15_000, // the free memory changes
    retry: false,
  });
}
