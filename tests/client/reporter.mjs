// reporter.mjs: what node:test saw, in the form of our other tests: failures in full, then "N passed, N failed".
export default async function* reporter(events) {
  let passed = 0, failed = 0;
  for await (const { type, data } of events) {
    if (type === 'test:stderr' || type === 'test:stdout') yield data.message;
    if (data.details?.type === 'suite') continue;
    if (type === 'test:pass') passed++;
    if (type !== 'test:fail') continue;
    failed++;
    const error = data.details.error;
    yield `FAIL ${data.name}: ${(error.cause ?? error).stack ?? error}\n`;
  }
  yield `${passed} passed, ${failed} failed\n`;
}
