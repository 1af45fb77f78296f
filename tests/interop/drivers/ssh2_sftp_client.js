// Carries out commands with ssh2-sftp-client: node ssh2_sftp_client.js PORT USER KEY KNOWN_HOSTS
//
// A line of standard input is a command and its arguments, with tabs between them. The first that fails ends it.
'use strict';
const fs = require('fs');
const SftpClient = require('ssh2-sftp-client');

const [port, user, key, knownHosts] = process.argv.slice(2);
const client = new SftpClient();
const hostKeys = fs.readFileSync(knownHosts, 'ascii').split(/\s/);

// What ssh2-sftp-client leaves out, by the library below it.
const below = (name, ...args) => new Promise((resolve, reject) => {
  client.sftp[name](...args, (error, result) => (error ? reject(error) : resolve(result)));
});

const kept = (status) => [status.atimeMs / 1000, status.mtimeMs / 1000];

const commands = {
  put: (here, there) => client.put(here, there),
  put_stream: (here, there) => client.put(fs.createReadStream(here), there),
  put_fast: (here, there) => client.fastPut(here, there, { concurrency: 64, chunkSize: 32768 }),
  put_kept: async (here, there) => {
    await client.fastPut(here, there);
    await below('utimes', there, ...kept(fs.statSync(here)));
  },
  resume_put: async (here, there) => {
    const start = (await client.stat(there)).size;
    await client.put(fs.createReadStream(here, { start }), there, { writeStreamOptions: { flags: 'r+', start } });
  },
  append: (here, there) => client.append(fs.createReadStream(here), there),
  get: (there, here) => client.get(there, here),
  get_fast: (there, here) => client.fastGet(there, here, { concurrency: 64, chunkSize: 32768 }),
  get_kept: async (there, here) => {
    await client.fastGet(there, here);
    const status = await client.stat(there);
    fs.utimesSync(here, status.accessTime / 1000, status.modifyTime / 1000);
  },
  resume_get: async (there, here) => {
    const start = fs.statSync(here).size;
    await client.get(there, fs.createWriteStream(here, { flags: 'a' }), { readStreamOptions: { start } });
  },
  put_tree: (here, there) => client.uploadDir(here, there, { useFastput: true }),
  get_tree: (there, here) => client.downloadDir(there, here, { useFastget: true }),
  put_tree_slow: (here, there) => client.uploadDir(here, there),
  get_tree_slow: (there, here) => client.downloadDir(there, here),
  remove_tree: (there) => client.rmdir(there, true),
  copy: (from, to) => client.rcopy(from, to),
  list: async (there) => {
    for (const entry of await client.list(there)) {
      console.log(`${entry.type} ${entry.size} ${entry.name}`);
    }
  },
  exists: async (there) => console.log(await client.exists(there)),
  status: async (there) => {
    const status = await client.stat(there);
    console.log(`${status.size} ${(status.mode & 0o7777).toString(8)} ${status.modifyTime / 1000}`);
  },
  real_path: async (there) => console.log(await client.realPath(there)),
  mkdir: (there) => client.mkdir(there),
  make_path: (there) => client.mkdir(there, true),
  rmdir: (there) => client.rmdir(there),
  remove: (there) => client.delete(there),
  rename: (from, to) => client.rename(from, to),
  replace: (from, to) => client.posixRename(from, to),
  chmod: (mode, there) => client.chmod(there, parseInt(mode, 8)),
  symlink: (target, link) => below('symlink', target, link),
  read_link: async (there) => console.log(await below('readlink', there)),
  hard_link: (from, to) => below('ext_openssh_hardlink', from, to),
  space: async (there) => {
    const space = await below('ext_openssh_statvfs', there);
    console.log(BigInt(space.f_blocks) * BigInt(space.f_frsize) + '');
  },
};

async function main() {
  const proof = process.env.PASSWORD ? { password: process.env.PASSWORD } : { privateKey: fs.readFileSync(key) };
  await client.connect({
    host: '127.0.0.1', port, username: user, ...proof,
    hostVerifier: (offered) => hostKeys.includes(offered.toString('base64')),
  });
  for (const line of fs.readFileSync(0, 'utf8').split('\n').filter(Boolean)) {
    const [name, ...args] = line.split('\t');
    await commands[name](...args);
  }
}

main().catch((error) => {
  console.log(error.message);
  process.exitCode = 1;
}).finally(() => client.end());
