"""Classes that take a configuration object and name its class (``transformers.BertModel``)."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from torch import nn

from modinspect.errors import TargetError
from modinspect.signatures import argument_names, signature_of
from modinspect.target.defaults import fill_in
from modinspect.target.evaluation import evaluate
from modinspect.target.expressions import Call, Known
from modinspect.usercode import user_code
from modinspect.wording import did_you_mean

if TYPE_CHECKING:
    from modinspect.target.factory import Factory


def with_config(factory: Factory) -> Factory:
    """Builds the ``config`` argument if the class takes one, names its class, and none was given.

    Arguments that the constructor doesn't name go to the configuration: ``transformers.BertModel(num_hidden_layers=2)``.

    Raises:
        TargetError: the configuration has no such argument, or building it raised.
    """
    config_class = _config_class(factory)
    if config_class is None:
        return factory
    signature = signature_of(factory.obj)
    own_names = argument_names(signature) if signature else ()
    own = {name: value for name, value in factory.kwargs.items() if name in own_names}
    settings = {name: value for name, value in factory.kwargs.items() if name not in own_names}
    _check_names(factory, config_class, settings)
    shown = str(Call(Known(config_class, config_class.__name__), (), settings))
    with user_code(TargetError, f"making {shown} for {factory.target.path!r}"):
        config = config_class(**evaluate(settings, factory.scope))
    return dataclasses.replace(factory, kwargs={"config": config, **own}, notes=(*factory.notes, f"built from {shown}"))


def with_defaults(factory: Factory) -> Factory:
    """Sets the fields named by dotted keys, and builds required arguments from their annotated class.

    Raises:
        TargetError: a dotted key doesn't start with an argument, or the class of that argument is unknown.
    """
    if not callable(factory.obj) or isinstance(factory.obj, nn.Module):
        return factory
    filled = fill_in(factory.obj, factory.args, factory.kwargs, factory.scope)
    return dataclasses.replace(factory, args=filled.args, kwargs=filled.kwargs, notes=(*factory.notes, *filled.notes))


def _config_class(factory: Factory) -> type[Any] | None:
    """The class of the configuration to build; ``None`` if there is none to build."""
    if not isinstance(factory.obj, type) or factory.args or any(name.split(".")[0] == "config" for name in factory.kwargs):
        return None
    signature = signature_of(factory.obj)
    if signature is None or next(iter(signature.parameters), None) != "config":
        return None
    config_class = getattr(factory.obj, "config_class", None)
    return config_class if isinstance(config_class, type) else None


def _check_names(factory: Factory, config_class: type[Any], settings: dict[str, object]) -> None:
    """Rejects misspelt names: a configuration with ``**kwargs`` would accept them silently."""
    known = _known_settings(config_class) if settings else set()
    for name in settings:
        if name not in known:
            message = f"neither {factory.target.path!r} nor its {config_class.__name__} has an argument {name!r}"
            raise TargetError(message, did_you_mean(name, sorted(known)))


def _known_settings(config_class: type[Any]) -> set[str]:
    signature = signature_of(config_class)
    named = set(argument_names(signature)) if signature else set()
    renamed = getattr(config_class, "attribute_map", None)
    try:
        held = set(vars(config_class()))
    except Exception:  # it can't be built without arguments; its signature has to do
        held = set()
    public = {name for name in named | held | set(renamed if isinstance(renamed, dict) else ()) if name.isidentifier()}
    return {name for name in public if not name.startswith("_")}
