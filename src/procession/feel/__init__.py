"""FEEL 1.5 (DMN 1.5 chapter 10.3): parse, compile to Python code, evaluate.

>>> from procession import feel
>>> feel.compile('total > 100 and status = "paid"').evaluate({"total": 120, "status": "paid"})
True
"""

from procession.feel.errors import FeelError
from procession.feel.expression import Expression, compile_unary_tests
from procession.feel.expression import compile_expression as compile
from procession.feel.scope import EvaluationScope
from procession.feel.temporal import YearsMonths
from procession.feel.values import Function, Range, to_json

__all__ = [
    "EvaluationScope",
    "Expression",
    "FeelError",
    "Function",
    "Range",
    "YearsMonths",
    "compile",
    "compile_unary_tests",
    "to_json",
]
