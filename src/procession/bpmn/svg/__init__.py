"""Pictures of processes: BPMN's notation (BPMN 2.0 section 7) as SVG."""

from procession.bpmn.svg.picture import draw

__all__ = ["draw"]
