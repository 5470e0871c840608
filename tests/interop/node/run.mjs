// usage: node run.mjs URL TRANSPORT GROUP     TRANSPORT: websocket, polling, or upgrade
// Runs the scenarios of GROUP.mjs: at once, or one after another where the group says so.
const group = await import(`./${process.argv[4]}.mjs`);
const scenarios = Object.entries(group).filter(([, value]) => typeof value === 'function');
const run = async ([name, scenario]) => {
  try {
    await scenario();
    console.log(`ok ${name}`);
  } catch (error) {
    console.log(`failed ${name}: ${error.stack}`);
    process.exitCode = 1;
  }
};
if (group.inTurn) {
  for (const scenario of scenarios) await run(scenario);
} else {
  await Promise.all(scenarios.map(run));
}
process.exit();
