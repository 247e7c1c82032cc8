"""`procession.model` as BPMN 2.0 XML with a diagram, the way Camunda Modeler writes it."""

from procession.bpmn.writing.file import write

__all__ = ["write"]
