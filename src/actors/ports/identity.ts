// Who is asking: what every API needs from the identity service. Embedded in services/identity, or outbound Keystone.

/** The holder of a valid token, as policy sees it. */
export interface Caller {
  readonly userId: string;
  readonly userName: string;
  readonly userDomainId: string;
  readonly userDomainName: string;
  /** Undefined for unscoped, domain and system tokens. */
  readonly projectId: string | undefined;
  readonly projectName: string | undefined;
  readonly projectDomainId: string | undefined;
  readonly domainId: string | undefined;
  readonly system: boolean;
  /** Role names with the implied ones. */
  readonly roles: readonly string[];
  readonly isAdmin: boolean;
}

export interface Identity {
  /** Undefined for a forged, expired or revoked token; never throws for bad input. */
  verify(token: string): Promise<Caller | undefined>;
  /** Whether a project with this id exists now. */
  projectExists(projectId: string): boolean;
}
