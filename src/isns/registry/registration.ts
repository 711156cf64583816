/** DevAttrReg: objects are registered, updated and replaced (RFC 4171 §5.6.5.1). A request is carried out whole or not at all. */

import type { RequestSections } from '../message.ts';
import { keyAttributes } from './objects.ts';
import { registered } from './registration-answer.ts';
import { checkRegistration } from './registration-checks.ts';
import { planRegistration } from './registration-plan.ts';
import type { Registration } from './registration-request.ts';
import { store } from './registration-storing.ts';
import { objectOf, subjectOf } from './registration-subject.ts';
import { remove } from './removal.ts';

/** Key and operating attributes of the response. Raises Rejection, and ISNS_ATTRIBUTE_INVALID. */
export function register(
  registration: Registration,
  sections: RequestSections,
): Pick<RequestSections, 'key' | 'operating'> {
  const { database, changes, replace } = registration;
  const plan = planRegistration(sections.operating);
  const subject = subjectOf(database, sections.key, plan);
  checkRegistration(registration, subject, plan);

  if (replace && subject.kind !== 'new') remove(database, changes, objectOf(subject));
  const entity = store(registration, subject, plan);
  return {
    key: subject.kind === 'new' ? keyAttributes(entity) : sections.key,
    operating: registered(database, entity, plan, subject.kind === 'new' || plan.entity !== undefined),
  };
}
