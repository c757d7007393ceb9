// Drives a development chain with @polkadot/api.
//
//     tests/interop/run.sh polkadot, or: npm install --no-package-lock && node drive.mjs ws://127.0.0.1:9944
//
// Connects, decodes a block with a transfer, weights and a registration in it, subscribes to storage, heads and
// the runtime's version. What was asked and what came back is printed; the exit code is the number of failed
// steps. The chain must be a fresh one with instant or interval sealing: the script spends from //Alice.

import { strict as assert } from 'node:assert';
import { ApiPromise, Keyring, WsProvider } from '@polkadot/api';

const NETUID = 3;
const WAIT_MS = 30_000;
const failed = [];

async function step(name, work) {
  const begin = performance.now();
  try {
    const answer = await Promise.race([work(), late(name)]);
    console.log(`ok   ${name} [${Math.round(performance.now() - begin)} ms]: ${String(answer).slice(0, 300)}`);
    return answer;
  } catch (error) {
    failed.push(name);
    console.log(`FAIL ${name}: ${error.message}`);
    return undefined;
  }
}

function late(name) {
  return new Promise((_, reject) => setTimeout(() => reject(new Error(`${name} took over ${WAIT_MS} ms`)), WAIT_MS).unref());
}

// Sends a call and answers the hash of the block that has it, once that is final.
function send(call, pair) {
  return new Promise((resolve, reject) => {
    call.signAndSend(pair, ({ status, dispatchError, events }) => {
      if (dispatchError) {
        const text = dispatchError.isModule
          ? call.registry.findMetaError(dispatchError.asModule).name
          : dispatchError.toString();
        reject(new Error(text));
      } else if (status.isFinalized) {
        resolve({ block: status.asFinalized.toHex(), events });
      }
    }).catch(reject);
  });
}

const url = process.argv[2] ?? 'ws://127.0.0.1:9944';
const provider = new WsProvider(url);
const api = await ApiPromise.create({ provider, noInitWarn: true });
const keyring = new Keyring({ type: 'sr25519', ss58Format: 42 });
const [alice, bob] = ['//Alice', '//Bob'].map((uri) => keyring.addFromUri(uri));
const hotkey = keyring.addFromUri('//AliceSecond');

await step('connect', async () => {
  const [chain, version] = await Promise.all([api.rpc.system.chain(), api.rpc.state.getRuntimeVersion()]);
  return `${chain}, ${version.specName} ${version.specVersion}, genesis ${api.genesisHash.toHex()}`;
});

await step('constants', async () => {
  assert.equal(api.consts.balances.existentialDeposit.toNumber(), 500);
  return `slot ${api.consts.aura.slotDuration} ms, prefix ${api.consts.system.ss58Prefix}`;
});

const watched = [];
await step('subscribe to storage', async () => {
  const unsubscribe = await api.query.system.account(bob.address, (account) => watched.push(account.data.free.toBigInt()));
  globalThis.unsubscribe = unsubscribe;
  return `Bob has ${watched[0]} rao`;
});

await step('transfer', async () => {
  const { block, events } = await send(api.tx.balances.transferKeepAlive(bob.address, 5_000_000_000n), alice);
  globalThis.block = block;
  return `final in ${block}; ${events.map(({ event }) => `${event.section}.${event.method}`).join(', ')}`;
});

await step('storage notification', async () => {
  for (let tries = 0; watched.length < 2 && tries < 100; tries += 1) {
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  assert.equal(watched.at(-1) - watched[0], 5_000_000_000n);
  return watched.join(' -> ');
});

await step('decode a block', async () => {
  const signed = await api.rpc.chain.getBlock(globalThis.block);
  const calls = signed.block.extrinsics.map(({ method }) => `${method.section}.${method.method}`);
  assert.ok(calls.includes('balances.transferKeepAlive'), calls.join(', '));
  return `#${signed.block.header.number}: ${calls.join(', ')}`;
});

await step('register, set weights and decode their blocks', async () => {
  const registered = await send(api.tx.subtensorModule.burnedRegister(NETUID, hotkey.address), alice);
  const set = await send(api.tx.subtensorModule.setWeights(NETUID, [0, 1], [1, 3], 0), alice);
  const names = [];
  for (const { block } of [registered, set]) {
    const signed = await api.rpc.chain.getBlock(block);
    const last = signed.block.extrinsics.at(-1);
    names.push(`${last.method.section}.${last.method.method}(${last.method.args.map(String).join('; ')}) by ${last.signer}`);
  }
  const weights = await api.query.subtensorModule.weights(NETUID, 0);
  assert.deepEqual(weights.toJSON(), [[0, 21845], [1, 65535]]);
  return names.join(', ');
});

await step('a refusal has its name', async () => {
  const call = api.tx.subtensorModule.burnedRegister(NETUID, hotkey.address);
  const refused = await send(call, alice).then(() => 'accepted', (error) => error.message);
  assert.equal(refused, 'HotKeyAlreadyRegisteredInSubNet');
  return refused;
});

await step('read maps', async () => {
  const uids = await api.query.subtensorModule.keys.entries(NETUID);
  const events = await api.query.system.events();
  return `${uids.length} neurons, ${events.length} events in the newest block`;
});

await step('subscribe to heads', () => new Promise((resolve, reject) => {
  const seen = [];
  api.rpc.chain.subscribeFinalizedHeads((header) => {
    seen.push(header.number.toNumber());
    if (seen.length === 3) resolve(seen.join(', '));
    else provider.send('dev_advanceBlocks', [1]).catch(reject);
  }).catch(reject);
}));

await step('call a runtime API', async () => {
  const raw = await api.rpc.state.call('SwapRuntimeApi_current_alpha_price', '0x0300');
  return `price ${Buffer.from(raw.toU8a(true)).readBigUInt64LE()} rao`;
});

await step('an upgrade is noticed', async () => {
  const version = new Promise((resolve) => {
    api.rpc.state.subscribeRuntimeVersion((now) => now.specVersion.toNumber() === 4_242 && resolve(now.specVersion));
  });
  await provider.send('dev_upgradeRuntime', [4_242]);
  return version;
});

globalThis.unsubscribe?.();
await api.disconnect();
console.log(`failed steps: ${failed.length ? failed.join(', ') : 'none'}`);
process.exit(failed.length);
