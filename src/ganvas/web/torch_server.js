/* The back end of `ganvas demo`: torch makes the pictures, with the seeds of `ganvas sample`. */

function makeBackEnd() {
  async function generate(request, onBatch) {
    let response;
    try {
      response = await fetch(`samples?${queryOf(request)}`);
    } catch {
      throw new Sentence("The server does not answer: ganvas demo has ended. Start it again, and reload this page.");
    }
    if (!response.ok) throw new Sentence((await response.text()).trim());
    onBatch(0, new Uint8Array(await response.arrayBuffer()));
  }

  function queryOf(request) {
    const words = Object.entries(request).filter(([, value]) => value !== null);
    return new URLSearchParams(words);
  }

  return { open: async () => {}, generate };
}
