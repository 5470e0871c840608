// What the stages are called on this page.

const STAGES = { asr: 'Recognition', translation: 'Translation', tts: 'Synthesis' };

/** At the beginning of a sentence. */
export const stageName = (stage) => STAGES[stage] ?? String(stage);

/** Within one. */
export const inStage = (stage) => stageName(stage).toLowerCase();
