// Drives @senx/warp10: writes, describes, fetches, runs a script and deletes. What came of it goes to the
// standard output, a JSON text a line.
const { Warp10 } = require('@senx/warp10');

const { WEFT_URL, WEFT_READ, WEFT_WRITE } = process.env;

async function main() {
  const client = new Warp10({ endpoint: WEFT_URL, silent: true });
  const say = (what, value) => console.log(JSON.stringify([what, value]));
  const labels = { key: 'a value' };
  const points = [
    { timestamp: 1700000000000000, className: 'node.point', labels, value: 54 },
    { timestamp: 1700000000000001, className: 'node.point', labels, value: 2.5, lat: 48.5, lng: -4.5, elev: 12 },
    '1700000000000002// node.text{key=b} \'text\'',
  ];
  say('update', (await client.update(WEFT_WRITE, points)).count);
  const attributes = { attr: 'of it' };
  say('meta', (await client.meta(WEFT_WRITE, [{ className: 'node.point', labels, attributes }])).count);
  const [start, stop] = ['2023-11-14T00:00:00.000000Z', '2023-11-15T00:00:00.000000Z'];
  const fetched = await client.fetch(WEFT_READ, '~node[.].*', {}, start, stop, 'formatted');
  say('fetch', fetched.result.sort((a, b) => (a.name < b.name ? -1 : 1)).map(({ name, labels, attributes, data }) => ({ name, labels, attributes, data })));
  const { result, meta } = await client.exec('2 2 +');
  say('exec', [result, typeof meta.ops, typeof meta.elapsed, typeof meta.fetched]);
  await client.delete(WEFT_WRITE, 'node.text', { key: 'b' }, '', '', true);
  say('left', (await client.fetch(WEFT_READ, 'node.text', {}, start, stop, 'text')).result.filter((line) => line).length);
  await client.exec("'a' 1 +").then(() => say('error', null), (error) => say('error', String(error.message ?? error)));
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
