"""
What every client is put to: a row an operation, which is a column of the matrix.

Between what a row prepares and what it verifies stands the client's own step. Nothing here knows a client.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tests.interop import effects
from tests.interop.driving import Place

# Does one operation with one client; returns what the task asks for, else nothing.
Step = Callable[[Place], Any]


@dataclass(frozen=True, slots=True)
class Operation:
    """
    One column.

    Attributes:
        name: what the step of a client is found by.
        title: the heading of the column.
        task: what a step has to do and to return. `source` is a file in the client's folder, which is its HOME and its
            working directory; `:source` is one in the folder on the server.
        prepare: makes what the step finds.
        verify: fails unless the step had its effect; is given what the step returned.
        read_only: the server serves everybody for reading only.
        ours: other servers are not set up for it.
    """

    name: str
    title: str
    task: str
    prepare: Callable[[Place], None]
    verify: Callable[[Place, Any], None]
    read_only: bool = False
    ours: bool = False


_UP = "take `source` to `:arrived`"
_DOWN = "bring `:source` to `arrived`"
_BOTH = f"{_UP} and {_DOWN}"

GROUPS: Mapping[str, Sequence[Operation]] = {
    "Files": (
        Operation("upload", "upload", _UP, effects.large_here, effects.arrived_there),
        Operation("download", "download", _DOWN, effects.large_there, effects.arrived_here),
        Operation(
            "replace", "over a larger file", f"{_UP}, which is larger", effects.larger_there, effects.arrived_there
        ),
        Operation(
            "resume_upload", "resume upload", f"{_UP}, going on with it", effects.part_there, effects.resumed_there
        ),
        Operation(
            "resume_download", "resume download", f"{_DOWN}, going on with it", effects.part_here, effects.resumed_here
        ),
        Operation("append", "append", "append `source` to `:arrived`", effects.something_there, effects.appended),
        Operation("empty", "empty file", f"{_BOTH}; both are empty", effects.empty, effects.empty_both_ways),
        Operation("copy", "copy on the server", "copy `:source` to `:arrived` there", effects.there, effects.copied),
        Operation(
            "parallel", "four at a time", f"{_BOTH}; both are folders", effects.many_files, effects.trees_both_ways
        ),
    ),
    "Folders": (
        Operation("list", "list", "list the folder; return an effects.Listing", effects.to_list, effects.listed),
        Operation(
            "list_many", "3,000 names", "list the folder; return the names", effects.many_to_list, effects.many_listed
        ),
        Operation(
            "folders",
            "mkdir, rmdir, remove",
            "make the folder `:made`, remove the empty folder `:folder` and the file `:file`",
            effects.to_remove,
            effects.made_and_removed,
        ),
        Operation("rename", "rename", "rename `:source` to `:arrived`", effects.there, effects.renamed),
        Operation(
            "rename_over",
            "rename over a file",
            "rename `:source` to `:arrived`, which is there; return whether that replaced it, or was refused",
            effects.two_there,
            effects.replaced_or_kept,
        ),
        Operation("tree_up", "tree up", f"{_UP}, a tree", effects.tree_here, effects.arrived_there),
        Operation("tree_down", "tree down", f"{_DOWN}, a tree", effects.tree_there, effects.arrived_here),
        Operation("remove_tree", "remove tree", "remove `:source`, a tree", effects.tree_there, effects.all_removed),
    ),
    "Attributes and links": (
        Operation("chmod", "chmod", "give `:source` the mode 604", effects.there, effects.changed_mode),
        Operation("time_up", "keep time up", f"{_UP} with its time", effects.old_here, effects.time_kept_there),
        Operation("time_down", "keep time down", f"{_DOWN} with its time", effects.old_there, effects.time_kept_here),
        Operation("symlink", "symlink", "make `:link`, which leads to `source`", effects.there, effects.linked),
        Operation("read_link", "read symlink", "return where `:link` leads", effects.link_there, effects.link_read),
        Operation("hard_link", "hard link", "make `:link`, a name of `:source`", effects.there, effects.hard_linked),
        Operation("space", "space", "return the bytes that the file system can hold", effects.nothing, effects.space),
    ),
    "Names, refusals, logins": (
        Operation("odd_names", "odd names", f"{_BOTH}; both are folders", effects.odd_names, effects.trees_both_ways),
        Operation("latin_name", "not UTF-8", f"{_BOTH}; both are folders", effects.latin_name, effects.trees_both_ways),
        Operation(
            "missing",
            "missing file told",
            "try to bring `:absent` to `arrived`; return what the client says",
            effects.nothing,
            effects.told_missing,
        ),
        Operation(
            "refused",
            "refused write told",
            f"try to {_UP}, and fail; return what the client says",
            effects.here,
            effects.told_refused,
            read_only=True,
            ours=True,
        ),
        Operation(
            "password", "password", f"log in by password; {_DOWN}", effects.there, effects.arrived_here, ours=True
        ),
    ),
}

OPERATIONS: Sequence[Operation] = tuple(operation for group in GROUPS.values() for operation in group)
