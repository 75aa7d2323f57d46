/** The sizes of tables; the first one is made unless another is asked for. */
export const presetNames = ['laptop', 'paper'] as const;

export type PresetName = (typeof presetNames)[number];
