# Carries out commands with Ruby's net-sftp: ruby net_sftp.rb PORT USER KEY KNOWN_HOSTS
#
# A line of standard input is a command and its arguments, with tabs between them. The first that fails ends it, unless
# `try` stands before it. SFTP_VERSION is the highest version that it asks for.
require 'net/sftp'

port, user, key, known_hosts = ARGV
proof = ENV['PASSWORD'] ? { password: ENV['PASSWORD'], auth_methods: ['password'] } : { keys: [key], keys_only: true }
options = { port: port.to_i, user_known_hosts_file: known_hosts, verify_host_key: :always, config: false,
            non_interactive: true, timeout: 60 }
highest = ENV['SFTP_VERSION']

def kind(attributes)
  attributes.directory? ? 'd' : attributes.symlink? ? 'l' : '-'
end

# It sends in one request whatever it is given, and servers take no packets without limit.
def write(file, data)
  data.bytes.each_slice(32_768) { |block| file.write(block.pack('C*')) }
end

def remove_tree(sftp, folder)
  sftp.dir.entries(folder).reject { |entry| %w[. ..].include?(entry.name) }.each do |entry|
    path = "#{folder}/#{entry.name}"
    entry.directory? ? remove_tree(sftp, path) : sftp.remove!(path)
  end
  sftp.rmdir!(folder)
end

Commands = {
  'in' => lambda do |_, here|
    Dir.chdir(here)
    puts "in #{here}"
  end,
  'try' => lambda do |sftp, name, *arguments|
    Commands.fetch(name).call(sftp, *arguments)
  rescue Net::SFTP::Exception, RuntimeError => error
    puts "#{error.class}: #{error.message}"
  end,
  'version' => ->(sftp) { puts sftp.protocol.version },
  'put' => ->(sftp, here, there) { sftp.upload!(here, there) },
  'put_kept' => lambda do |sftp, here, there|
    sftp.upload!(here, there)
    times = File.stat(here)
    sftp.setstat!(there, atime: times.atime.to_i, mtime: times.mtime.to_i)
  end,
  'append' => ->(sftp, here, there) { sftp.file.open(there, 'a') { |file| write(file, File.binread(here)) } },
  'resume_put' => lambda do |sftp, here, there|
    start = sftp.stat!(there).size
    sftp.file.open(there, 'r+') do |file|
      file.pos = start
      write(file, File.binread(here, nil, start))
    end
  end,
  'get' => ->(sftp, there, here) { sftp.download!(there, here) },
  'get_kept' => lambda do |sftp, there, here|
    sftp.download!(there, here)
    times = sftp.stat!(there)
    File.utime(times.atime, times.mtime, here)
  end,
  'resume_get' => lambda do |sftp, there, here|
    sftp.file.open(there, 'r') do |file|
      file.pos = File.size(here)
      File.open(here, 'ab') { |target| target.write(file.read) }
    end
  end,
  'put_tree' => ->(sftp, here, there) { sftp.upload!(here, there, mkdir: true) },
  'get_tree' => ->(sftp, there, here) { sftp.download!(there, here, recursive: true) },
  'remove_tree' => ->(sftp, there) { remove_tree(sftp, there) },
  'list' => lambda do |sftp, there|
    sftp.dir.foreach(there) { |entry| puts "#{kind(entry.attributes)} #{entry.attributes.size} #{entry.name}" }
  end,
  'glob' => ->(sftp, there, pattern) { sftp.dir.glob(there, pattern) { |entry| puts entry.name } },
  'status' => lambda do |sftp, there|
    status = sftp.stat!(there)
    puts "#{status.size} #{(status.permissions & 0o7777).to_s(8)} #{status.mtime}"
  end,
  'mkdir' => ->(sftp, there) { sftp.mkdir!(there) },
  'rmdir' => ->(sftp, there) { sftp.rmdir!(there) },
  'remove' => ->(sftp, there) { sftp.remove!(there) },
  'rename' => ->(sftp, from, to) { sftp.rename!(from, to) },
  # Versions 5 and 6: OVERWRITE and ATOMIC.
  'replace' => ->(sftp, from, to) { sftp.rename!(from, to, 3) },
  'chmod' => ->(sftp, mode, there) { sftp.setstat!(there, permissions: mode.to_i(8)) },
  'symlink' => ->(sftp, target, link) { sftp.symlink!(link, target) },
  'read_link' => ->(sftp, there) { puts sftp.readlink!(there).name },
  # Version 6: LINK.
  'hard_link' => ->(sftp, from, to) { sftp.link!(to, from, false) },
  'real_path' => ->(sftp, there) { puts sftp.realpath!(there).name }
}.freeze

begin
  Net::SSH.start('127.0.0.1', user, **options, **proof) do |ssh|
    sftp = Net::SFTP::Session.new(ssh, *(highest ? [highest.to_i] : []))
    sftp.connect!
    $stdin.each_line(chomp: true) do |line|
      name, *arguments = line.split("\t", -1)
      Commands.fetch(name).call(sftp, *arguments)
    end
  end
rescue Net::SFTP::Exception, Net::SSH::Exception, RuntimeError, ArgumentError => error
  puts "#{error.class}: #{error.message}"
  exit 1
end
