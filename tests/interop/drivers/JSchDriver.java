// Carries out commands with JSch: java JSchDriver PORT USER KEY KNOWN_HOSTS, or --version
//
// A line of standard input is a command and its arguments, with tabs between them. The first that fails ends it.
import com.jcraft.jsch.ChannelSftp;
import com.jcraft.jsch.JSch;
import com.jcraft.jsch.Session;
import com.jcraft.jsch.SftpATTRS;
import com.jcraft.jsch.SftpStatVFS;
import java.io.BufferedReader;
import java.io.File;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

public class JSchDriver {
    private final ChannelSftp sftp;
    private final PrintStream out = new PrintStream(System.out, true, StandardCharsets.UTF_8);

    JSchDriver(ChannelSftp sftp) {
        this.sftp = sftp;
    }

    public static void main(String[] args) throws Exception {
        if (args[0].equals("--version")) {
            System.out.println(JSch.VERSION);
            return;
        }
        JSch library = new JSch();
        library.setKnownHosts(args[3]);
        String password = System.getenv("PASSWORD");
        if (password == null) {
            library.addIdentity(args[2]);
        }
        Session session = library.getSession(args[1], "127.0.0.1", Integer.parseInt(args[0]));
        session.setPassword(password);
        session.connect(30_000);
        ChannelSftp channel = (ChannelSftp) session.openChannel("sftp");
        channel.connect();
        try {
            BufferedReader commands = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
            for (String line; (line = commands.readLine()) != null; ) {
                new JSchDriver(channel).carryOut(line.split("\t", -1));
            }
        } catch (Exception error) {
            System.out.println(error);
            System.exit(1);
        } finally {
            session.disconnect();
        }
    }

    private void carryOut(String[] c) throws Exception {
        switch (c[0]) {
            case "put" -> sftp.put(here(c[1]), c[2], ChannelSftp.OVERWRITE);
            case "put_kept" -> {
                sftp.put(here(c[1]), c[2]);
                sftp.setMtime(c[2], (int) (new File(c[1]).lastModified() / 1000));
            }
            case "resume_put" -> sftp.put(here(c[1]), c[2], ChannelSftp.RESUME);
            case "append" -> sftp.put(here(c[1]), c[2], ChannelSftp.APPEND);
            case "get" -> sftp.get(quoted(c[1]), here(c[2]));
            case "resume_get" -> sftp.get(quoted(c[1]), here(c[2]), null, ChannelSftp.RESUME);
            case "put_tree" -> putTree(new File(c[1]), c[2]);
            case "get_tree" -> getTree(c[1], new File(c[2]));
            case "remove_tree" -> removeTree(c[1]);
            case "list" -> {
                for (ChannelSftp.LsEntry entry : list(c[1])) {
                    String kind = entry.getAttrs().getPermissionsString().substring(0, 1);
                    out.println(kind + " " + entry.getAttrs().getSize() + " " + entry.getFilename());
                }
            }
            case "status" -> {
                SftpATTRS status = sftp.stat(quoted(c[1]));
                String mode = Integer.toOctalString(status.getPermissions() & 07777);
                out.println(status.getSize() + " " + mode + " " + status.getMTime());
            }
            case "mkdir" -> sftp.mkdir(c[1]);
            case "rmdir" -> sftp.rmdir(quoted(c[1]));
            case "remove" -> sftp.rm(quoted(c[1]));
            case "rename" -> sftp.rename(quoted(c[1]), c[2]);
            case "chmod" -> sftp.chmod(Integer.parseInt(c[1], 8), quoted(c[2]));
            case "symlink" -> sftp.symlink(c[1], c[2]);
            case "read_link" -> out.println(sftp.readlink(quoted(c[1])));
            case "hard_link" -> sftp.hardlink(c[1], c[2]);
            case "space" -> {
                SftpStatVFS space = sftp.statVFS(c[1]);
                out.println(space.getBlocks() * space.getFragmentSize());
            }
            case "cd" -> {
                sftp.cd(c[1]);
                out.println(sftp.pwd());
            }
            case "real_path" -> out.println(sftp.realpath(c[1]));
            default -> throw new IllegalArgumentException(c[0]);
        }
    }

    /** JSch takes a relative name as one in the folder of the process. */
    private static String here(String name) {
        return new File(name).getAbsolutePath().replace("\\", "\\\\");
    }

    /** JSch looks for wildcards in every name. */
    private static String quoted(String name) {
        return name.replaceAll("[\\\\*?]", "\\\\$0");
    }

    private List<ChannelSftp.LsEntry> list(String folder) throws Exception {
        List<ChannelSftp.LsEntry> entries = new ArrayList<>();
        for (Object entry : sftp.ls(quoted(folder))) {
            String name = ((ChannelSftp.LsEntry) entry).getFilename();
            if (!name.equals(".") && !name.equals("..")) {
                entries.add((ChannelSftp.LsEntry) entry);
            }
        }
        return entries;
    }

    private void putTree(File folder, String there) throws Exception {
        sftp.mkdir(there);
        for (File file : folder.listFiles()) {
            if (file.isDirectory()) {
                putTree(file, there + "/" + file.getName());
            } else {
                sftp.put(file.getAbsolutePath(), there + "/" + file.getName());
            }
        }
    }

    private void getTree(String there, File folder) throws Exception {
        folder.mkdir();
        for (ChannelSftp.LsEntry entry : list(there)) {
            File file = new File(folder, entry.getFilename());
            String name = there + "/" + entry.getFilename();
            if (entry.getAttrs().isDir()) {
                getTree(name, file);
            } else {
                sftp.get(quoted(name), file.getAbsolutePath());
            }
        }
    }

    private void removeTree(String there) throws Exception {
        for (ChannelSftp.LsEntry entry : list(there)) {
            String name = there + "/" + entry.getFilename();
            if (entry.getAttrs().isDir()) {
                removeTree(name);
            } else {
                sftp.rm(quoted(name));
            }
        }
        sftp.rmdir(quoted(there));
    }
}
