/** AWS's older protocol: parameters in a form, answers in XML. */

/** The answer to an action. @param result - XML */
export function queryAnswer(namespace: string, action: string, result: string): string {
  return `<${action}Response xmlns="${namespace}"><${action}Result>${result}</${action}Result></${action}Response>`;
}

/** Text as it stands in XML. */
export function escapeXml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
