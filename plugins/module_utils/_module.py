# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The only file that knows AnsibleModule: from options to a result, from an error to a sentence. Internal."""

from __future__ import annotations

import os
import traceback
from typing import Any, Callable, Dict, NoReturn, Optional

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.common.respawn import has_respawned, probe_interpreters_for_module, respawn_module

from ansible_collections.shimops.containerd.plugins.module_utils import _argspec, _changes, _result
from ansible_collections.shimops.containerd.plugins.module_utils._errors import HostRefused, ShimError
from ansible_collections.shimops.containerd.plugins.module_utils._unexpected import explained

Options = Dict[str, Any]
_INTERPRETERS = ["/usr/bin/python3", "/usr/libexec/platform-python", "/usr/bin/python"]


class _Module(AnsibleModule):
    """AnsibleModule that logs any option: the syslog of Python 3.12 and newer takes no NUL, and fails the module."""

    def log(self, msg: Any, log_args: Optional[Dict[str, Any]] = None) -> None:
        """See AnsibleModule.log()."""
        loggable = msg.replace("\0", "\\0") if isinstance(msg, str) else msg
        super().log(loggable, log_args)  # type: ignore[no-untyped-call] # ansible-core has no types


def execute(
    work: Callable[[Options, bool], Dict[str, Any]],
    spec: Optional[Dict[str, Any]] = None,
    library_problem: Optional[Callable[[], Optional[str]]] = None,
    **rules: Any,
) -> None:
    """Run a module and end the process.

    :param work: takes the options and whether this is check mode, gives the result, which is then made small; a result
        with ``failure`` fails with that sentence and returns all the rest. Any exception fails with one sentence, and
        with ``changed`` as it is true; the traceback of one that is a defect is in the result from -vvv on.
    :param spec: the options the module has in addition to the shared ones; ``rules`` are those of AnsibleModule.
    :param library_problem: says why protobuf cannot be used, where it is needed, see protobuf_problem() in
        _shim/messages.py; the module respawns under an interpreter that has it.
    """
    options = dict(_argspec.shared(), **(spec or {}))
    module = _Module(argument_spec=options, supports_check_mode=True, **rules)  # type: ignore[no-untyped-call]
    _changes.begin()
    try:
        if library_problem and library_problem() is not None:
            _require_protobuf()
        _argspec.check(module.params)
        _require_root()
        result = work(module.params, module.check_mode)
        failure = result.pop("failure", None)
        if failure:
            result["msg"] = _in_one_line(failure)
        result = _fitted(module, result)
    except Exception as error:  # pylint: disable=broad-except # a defect, too, ends as one sentence
        _fail(module, error)
    if failure:
        module.fail_json(**result)
    module.exit_json(**result)


def _fitted(module: AnsibleModule, result: Dict[str, Any]) -> Dict[str, Any]:
    """The result, made small, with the arguments that Ansible would add."""
    if not module._diff:
        # It holds whole files, and was not asked for.
        result.pop("diff", None)
    arguments = _returned(module)
    result = _result.fit(result, module.params["detail"], _result.invoked(arguments))
    result["invocation"] = {"module_args": arguments}
    return result


def _returned(module: AnsibleModule) -> Options:
    """The arguments as the result has them: in a summary those that are not the default."""
    arguments: Options = module.params
    if arguments["detail"] != "summary":
        return arguments
    spec = module.argument_spec
    given = {name: one for name, one in arguments.items() if name not in spec or one != spec[name].get("default")}
    return _result.shortened_arguments(given)


def _fail(module: AnsibleModule, error: Exception) -> NoReturn:
    known = explained(error)
    more: Dict[str, Any] = {}
    if known is not error and module._verbosity >= 3:
        more["traceback"] = traceback.format_exc().splitlines()
    module.fail_json(
        msg=_result.sentence(_in_one_line(known)),
        invocation={"module_args": _returned(module)},
        stage=known.stage,
        changed=_changes.made(),
        refused=isinstance(known, HostRefused),
        **more,
    )
    raise AssertionError("fail_json ends the process") from error


def _in_one_line(sentence: object) -> str:
    """Ids, paths and options are quoted in sentences, and may hold line breaks."""
    return " ".join(str(sentence).splitlines())


def _require_root() -> None:
    """Shims answer only their own effective user and group (recovery-spec 3)."""
    if os.geteuid() != 0 or os.getegid() != 0:
        raise ShimError("daemon", "this user", "is not root", "run the task with become: true")


def _require_protobuf() -> None:
    """Before anything is read: respawn under an interpreter of the host that has protobuf, or say what is missing."""
    if not has_respawned():
        interpreter = probe_interpreters_for_module(_INTERPRETERS, "google.protobuf")
        if interpreter:
            respawn_module(interpreter)
    raise ShimError(
        "ask",
        "this host",
        "has no Python library protobuf",
        "install python3-protobuf on it, as the role prepare_hosts does",
    )
