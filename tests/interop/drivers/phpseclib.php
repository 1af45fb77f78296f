<?php
// Carries out commands with phpseclib 3: php phpseclib.php PORT USER KEY KNOWN_HOSTS
//
// A line of standard input is a command and its arguments, with tabs between them. The first that fails ends it, unless
// `try` stands before it. SFTP_VERSION is the version that it changes to.
require 'phpseclib3/autoload.php';

use phpseclib3\Crypt\PublicKeyLoader;
use phpseclib3\Net\SFTP;

[, $port, $user, $key, $known_hosts] = $argv;
$sftp = new SFTP('127.0.0.1', (int) $port, 60);
if (!str_contains(file_get_contents($known_hosts), $sftp->getServerPublicHostKey())) {
    exit("host key\n");
}
if (getenv('SFTP_VERSION') !== false) {
    $sftp->setPreferredVersion((int) getenv('SFTP_VERSION'));
}
$password = getenv('PASSWORD');
if (!$sftp->login($user, $password === false ? PublicKeyLoader::load(file_get_contents($key)) : $password)) {
    echo "login\n";
    exit(1);
}

function told($text): bool
{
    if ($text === false) {
        return false;
    }
    echo $text, "\n";
    return true;
}

function put_tree(SFTP $sftp, string $here, string $there): bool
{
    if (!$sftp->mkdir($there)) {
        return false;
    }
    foreach (array_diff(scandir($here), ['.', '..']) as $name) {
        $done = is_dir("$here/$name")
            ? put_tree($sftp, "$here/$name", "$there/$name")
            : $sftp->put("$there/$name", "$here/$name", SFTP::SOURCE_LOCAL_FILE);
        if (!$done) {
            return false;
        }
    }
    return true;
}

function get_tree(SFTP $sftp, string $there, string $here): bool
{
    mkdir($here);
    foreach (array_diff($sftp->nlist($there), ['.', '..']) as $name) {
        $done = $sftp->is_dir("$there/$name")
            ? get_tree($sftp, "$there/$name", "$here/$name")
            : $sftp->get("$there/$name", "$here/$name");
        if (!$done) {
            return false;
        }
    }
    return true;
}

function put_kept(SFTP $sftp, string $here, string $there): bool
{
    return $sftp->put($there, $here, SFTP::SOURCE_LOCAL_FILE) && $sftp->touch($there, filemtime($here));
}

function get_kept(SFTP $sftp, string $there, string $here): bool
{
    return $sftp->get($there, $here) && touch($here, $sftp->filemtime($there));
}

function listing(SFTP $sftp, string $there): bool
{
    $kinds = [1 => '-', 2 => 'd', 3 => 'l'];
    $entries = $sftp->rawlist($there);
    foreach ($entries ?: [] as $name => $entry) {
        echo $kinds[$entry['type']], ' ', $entry['size'], ' ', $name, "\n";
    }
    return $entries !== false;
}

function status(SFTP $sftp, string $there): bool
{
    $status = $sftp->stat($there);
    return $status && told(sprintf('%d %o %d', $status['size'], $status['mode'] & 07777, $status['mtime']));
}

$local = SFTP::SOURCE_LOCAL_FILE;
$commands = [
    'in' => fn($here) => chdir($here) && told("in $here"),
    'version' => fn() => told($sftp->getNegotiatedVersion()),
    'put' => fn($here, $there) => $sftp->put($there, $here, $local),
    'put_text' => fn($text, $there) => $sftp->put($there, $text),
    'put_kept' => fn($here, $there) => put_kept($sftp, $here, $there),
    'resume_put' => fn($here, $there) =>
        $sftp->put($there, $here, $local | SFTP::RESUME, -1, $sftp->filesize($there)),
    'append' => fn($here, $there) => $sftp->put($there, $here, $local | SFTP::RESUME),
    'get' => fn($there, $here) => $sftp->get($there, $here),
    'get_kept' => fn($there, $here) => get_kept($sftp, $there, $here),
    'resume_get' => fn($there, $here) =>
        $sftp->get($there, fopen($here, 'ab'), filesize($here)),
    'put_tree' => fn($here, $there) => put_tree($sftp, $here, $there),
    'get_tree' => fn($there, $here) => get_tree($sftp, $there, $here),
    'remove_tree' => fn($there) => $sftp->delete($there, true),
    'list' => fn($there) => listing($sftp, $there),
    'status' => fn($there) => status($sftp, $there),
    'exists' => fn($there) => told($sftp->file_exists($there) ? 'yes' : 'no'),
    'mkdir' => fn($there) => $sftp->mkdir($there),
    'make_path' => fn($there) => $sftp->mkdir($there, -1, true),
    'rmdir' => fn($there) => $sftp->rmdir($there),
    'remove' => fn($there) => $sftp->delete($there, false),
    'rename' => fn($from, $to) => $sftp->rename($from, $to),
    'chmod' => fn($mode, $there) => $sftp->chmod(octdec($mode), $there) !== false,
    'truncate' => fn($size, $there) => $sftp->truncate($there, (int) $size),
    'symlink' => fn($target, $link) => $sftp->symlink($target, $link),
    'read_link' => fn($there) => told($sftp->readlink($there)),
    'real_path' => fn($there) => told($sftp->realpath($there)),
];

while (($line = fgets(STDIN)) !== false) {
    $arguments = explode("\t", rtrim($line, "\n"));
    $name = array_shift($arguments);
    if ($may_fail = $name === 'try') {
        $name = array_shift($arguments);
    }
    if ($commands[$name](...$arguments) === false) {
        echo $name, ': ', $sftp->getLastSFTPError(), "\n";
        if (!$may_fail) {
            exit(1);
        }
    }
}
