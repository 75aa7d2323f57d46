import { parse, View } from 'vega';
import { compile, type Config, type TopLevelSpec } from 'vega-lite';

/** The look that all figures share. */
const config: Config = {
  font: 'Open Sans, Helvetica, Arial, sans-serif',
  title: {
    anchor: 'start',
    frame: 'group',
    fontSize: 13,
    fontWeight: 600,
    subtitleColor: '#555',
    offset: 12,
  },
  axis: {
    titleFontWeight: 'normal',
    titleFontSize: 12,
    labelFontSize: 11,
    gridColor: '#ececec',
    domainColor: '#999',
    tickColor: '#999',
  },
  legend: { titleFontWeight: 'normal', labelFontSize: 11, symbolStrokeWidth: 2, labelLimit: 320 },
  view: { stroke: null },
};

/** A figure as SVG. */
export async function drawSvg(specification: TopLevelSpec): Promise<string> {
  const { spec } = compile({ background: 'white', padding: 16, ...specification }, { config });
  return new View(parse(spec), { renderer: 'none' }).toSVG();
}
