# Carries out commands with Net::SFTP::Foreign: perl net_sftp_foreign.pl PORT USER KEY KNOWN_HOSTS
#
# A line of standard input is a command and its arguments, with tabs between them. The first that fails ends it.
use strict;
use warnings;
use Fcntl qw(S_ISDIR S_ISLNK);
use Net::SFTP::Foreign;
use Net::SFTP::Foreign::Constants qw(:flags);

my ($port, $user, $key, $known_hosts) = @ARGV;
my @options = map { (-o => $_) } "UserKnownHostsFile=$known_hosts", 'GlobalKnownHostsFile=none', 'IdentitiesOnly=yes';
my @proof = $ENV{PASSWORD} ? (password => $ENV{PASSWORD}) : (key_path => $key);

sub session {
    my $encoding = shift;
    my $session = Net::SFTP::Foreign->new(
        "$user\@127.0.0.1",
        port => $port,
        @proof,
        more => ['-F', 'none', @options],
        timeout => 60,
        fs_encoding => $encoding,
    );
    $session->die_on_error('connect');
    return $session;
}

# It takes the bytes of local names for characters: going up, each has to stay what it is; coming down, they are UTF-8.
my $sftp = session('latin1');
my %whole = (on_error => sub { die "$_[1]{filename}: " . $_[0]->error . "\n" });
my %commands = (
    put => sub { $sftp->put($_[0], $_[1]) },
    put_atomic => sub { $sftp->put($_[0], $_[1], atomic => 1) },
    put_sparse => sub { $sftp->put($_[0], $_[1], sparse => 1) },
    put_new => sub { $sftp->put($_[0], $_[1], overwrite => 0) },
    put_late => sub { $sftp->put($_[0], $_[1], late_set_perm => 1, perm => 0400) },
    resume_put => sub { $sftp->put($_[0], $_[1], resume => 1) },
    append => sub { $sftp->put($_[0], $_[1], append => 1) },
    get => sub { $sftp->get($_[0], $_[1], queue_size => $_[2] || 32) },
    get_matching => sub { $sftp->mget($_[0], $_[1], queue_size => $_[2] || 32) },
    resume_get => sub { $sftp->get($_[0], $_[1], resume => 1) },
    put_tree => sub { $sftp->rput($_[0], $_[1], %whole) },
    get_tree => sub { session('utf8')->rget($_[0], $_[1], %whole) },
    remove_tree => sub { $sftp->rremove($_[0], %whole) },
    list => sub { entry($_) for @{ $sftp->ls($_[0]) || return 0 }; 1 },
    find => sub { print map { "$_->{filename}\n" } $sftp->find($_[0], %whole); 1 },
    glob => sub { print map { "$_->{filename}\n" } $sftp->glob($_[0]); 1 },
    status => sub { status($sftp->stat($_[0])) },
    exists => sub { print $sftp->test_e($_[0]) ? "yes\n" : "no\n"; 1 },
    mkdir => sub { $sftp->mkdir($_[0]) },
    make_path => sub { $sftp->mkpath($_[0]) },
    rmdir => sub { $sftp->rmdir($_[0]) },
    remove => sub { $sftp->remove($_[0]) },
    rename => sub { $sftp->rename($_[0], $_[1]) },
    replace => sub { $sftp->atomic_rename($_[0], $_[1]) },
    overwrite => sub { $sftp->rename($_[0], $_[1], overwrite => 1) },
    symlink => sub { $sftp->symlink($_[1], $_[0]) },
    read_link => sub { told($sftp->readlink($_[0])) },
    hard_link => sub { $sftp->hardlink($_[1], $_[0]) },
    chmod => sub { $sftp->chmod($_[1], oct $_[0]) },
    touch => sub { $sftp->utime($_[1], $_[0], $_[0]) },
    truncate => sub { $sftp->truncate($_[1], $_[0]) },
    real_path => sub { told($sftp->realpath($_[0])) },
    space => sub { my $space = $sftp->statvfs($_[0]) or return 0; told($space->{blocks} * $space->{frsize}) },
    write_at => \&write_at,
);

sub told {
    my $text = shift;
    print "$text\n" if defined $text;
    return defined $text;
}

sub entry {
    my $attributes = $_[0]{a};
    my $kind = S_ISDIR($attributes->perm) ? 'd' : S_ISLNK($attributes->perm) ? 'l' : '-';
    print "$kind ", $attributes->size, " $_[0]{filename}\n";
}

sub status {
    my $attributes = shift or return 0;
    return told(sprintf '%d %o %d', $attributes->size, $attributes->perm & 07777, $attributes->mtime);
}

# Into the middle of an open file, which is synchronized, cut and asked about before it is closed.
sub write_at {
    my ($path, $offset, $text, $size) = @_;
    my $file = $sftp->open($path, SSH2_FXF_READ | SSH2_FXF_WRITE) or return 0;
    seek $file, $offset, 0 or return 0;
    print $file $text or return 0;
    for my $step (qw(flush fsync stat statvfs)) {
        $sftp->$step($file) or return 0;
    }
    $sftp->truncate($file, $size) && status($sftp->stat($file)) or return 0;
    return close $file;
}

# What died says what the matter was, and is not to look like a mistake in this program.
local $SIG{__DIE__} = sub { print $_[0]; exit 1 };
while (my $line = <STDIN>) {
    chomp $line;
    my ($name, @arguments) = split /\t/, $line, -1;
    $commands{$name}->(@arguments) or die "$name: " . $sftp->error . ' (status ' . ($sftp->status + 0) . ")\n";
}
