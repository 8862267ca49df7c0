package portal

import (
	"context"
	"time"

	"github.com/plotwise/plotwise/internal/members"
	"github.com/plotwise/plotwise/internal/organizations"
)

// invitationLifetime is how long the link of an invitation works.
const invitationLifetime = 7 * 24 * time.Hour

// membersPerPage are the rows of members at once.
const membersPerPage = 50

// organizationPage is what an organization is and who belongs to it.
type organizationPage struct {
	Organization organizations.Organization
	Members      []members.Member
	Next         int // the page with more of them; 0 at the end
	Roles        []string
	Invited      string // whom the link is for
	Link         string // shown this once
}

func (p *portal) organization(v *visit) error {
	page, err := p.organizationPage(v)
	if err != nil {
		return err
	}
	return p.show(v, "organization", view{Title: "Organization", Tab: "organization", Body: page})
}

func (p *portal) organizationPage(v *visit) (page organizationPage, err error) {
	page.Roles = members.Roles()
	if page.Organization, err = p.Organizations.Get(v.ctx(), v.organizationID()); err != nil {
		return page, err
	}
	all, err := p.Members.List(v.ctx(), v.organizationID())
	number := min(max(1, wholeNumber(v.r.URL.Query().Get("page"))), len(all)+1)
	from := min(len(all), (number-1)*membersPerPage)
	page.Members = all[from:min(len(all), from+membersPerPage)]
	if from+membersPerPage < len(all) {
		page.Next = number + 1
	}
	return page, err
}

// invite adds a member and shows the link that lets them in; it is sent by whoever invites.
func (p *portal) invite(v *visit) error {
	m := members.Member{Email: v.r.PostFormValue("email"), Name: v.r.PostFormValue("name"), Role: v.r.PostFormValue("role")}
	var link string
	err := p.write(v, "addMember", func(ctx context.Context) (err error) {
		if m, err = p.Members.Add(ctx, v.organizationID(), m); err != nil {
			return err
		}
		link, err = p.Accounts.Invite(ctx, v.organizationID(), m.Email, invitationLifetime)
		return err
	})
	page, pageErr := p.organizationPage(v)
	if pageErr != nil {
		return pageErr
	}
	shown := view{Title: "Organization", Tab: "organization", Body: page}
	if err != nil {
		return p.again(v, err, "organization", shown)
	}
	page.Invited, page.Link = m.Email, p.PublicURL+"/settings/link/"+link
	shown.Body = page
	return p.show(v, "organization", shown)
}
