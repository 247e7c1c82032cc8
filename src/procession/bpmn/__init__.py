"""BPMN 2.0 XML, as Camunda Modeler writes it or plain, read into `procession.model` and validated."""

from procession.bpmn.reading import Reading, read
from procession.bpmn.xml import MAX_BYTES

__all__ = ["MAX_BYTES", "Reading", "read"]
