/** AWS's oldest protocol: parameters in a form, answers in XML. */

import type { AwsError } from './aws-error';

/** The answer to an action. @param result - XML */
export function queryAnswer(namespace: string, action: string, result: string): string {
  return `<${action}Response xmlns="${namespace}"><${action}Result>${result}</${action}Result></${action}Response>`;
}

/** An error, as every service of the protocol words it. */
export function queryError({ code, message }: AwsError): string {
  return `<ErrorResponse><Error><Type>Sender</Type><Code>${code}</Code><Message>${escapeXml(message)}</Message></Error></ErrorResponse>`;
}

/** Text as it stands in XML. */
export function escapeXml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
