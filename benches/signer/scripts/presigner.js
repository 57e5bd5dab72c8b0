// AWS's presigner in JavaScript beside the signers of benches/signer: reads the work as JSON on standard input, writes one
// URL and its rates. Never run by hand: benches/signer runs it.

import { readFileSync } from "node:fs";
import { GetObjectCommand, S3Client } from "@aws-sdk/client-s3";
import { getSignedUrl } from "@aws-sdk/s3-request-presigner";

const work = JSON.parse(readFileSync(0, "utf8"));
const client = new S3Client({
  region: work.region,
  credentials: {
    accessKeyId: work.access_key_id,
    secretAccessKey: work.secret,
    sessionToken: work.token ?? undefined,
  },
});
const signingDate = new Date(work.at * 1000);

function sign(number) {
  const command = new GetObjectCommand({ Bucket: work.bucket, Key: work.keys[number] });
  return getSignedUrl(client, command, { expiresIn: work.expires_in, signingDate });
}

async function rate() {
  const began = process.cpuUsage();
  for (let signed = 0; ; ) {
    for (let n = 0; n < 10; n++) await sign(signed++ % 1000);
    const { user, system } = process.cpuUsage(began);
    const took = (user + system) / 1e6;
    if (took > work.seconds) return signed / took;
  }
}

const url = await sign(work.probe);
await rate();
const rates = [];
for (let round = 0; round < work.rounds; round++) rates.push(await rate());
console.log(JSON.stringify({ url, rates }));
