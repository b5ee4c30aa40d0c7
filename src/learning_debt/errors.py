"""The refusals a caller may want to catch by name; every one is a ``ValueError``."""


class UnsupportedModelError(ValueError):
    """The model has a structure this version cannot score correctly; the message says what to change."""


class IncomparablePosteriorsError(ValueError):
    """Two posteriors do not belong to one model on one scale, so no debt exists between them."""


class NoJointDensityError(ValueError, NotImplementedError):
    """The joint density of a posterior cannot be evaluated, so no debt can be bridged without overlap."""
