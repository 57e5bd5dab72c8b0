// Asks the daemon for a URL, and says how long it lives. usage: node presign.js BUCKET KEY SECONDS, after tsc presign.ts

import { connect, PresigndError } from 'presignd';

async function main(bucket: string, key: string, seconds: number): Promise<void> {
  const daemon = connect();
  try {
    const { url, usable_until: end, limited_by: by } = await daemon.Presign({
      request: { operation: 'OPERATION_GET_OBJECT', bucket, key },
      expires_in: { seconds },
    });
    console.log(url);
    console.error(`usable until ${new Date((end?.seconds ?? 0) * 1000).toISOString()}, ${by}`);
  } catch (error) {
    if (!(error instanceof PresigndError)) throw error;
    console.error(error.message);
    process.exitCode = error.reason === 'SESSION_TOO_SHORT' ? 3 : 1;
  } finally {
    daemon.close();
  }
}

const [bucket = '', key = '', seconds = '3600'] = process.argv.slice(2);
void main(bucket, key, Number(seconds));
